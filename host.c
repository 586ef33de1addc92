int env_f(void*c){return 9;}
